"""The multi-client workload document, checked in full before anything is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blis.checks import check_choice, check_int, check_keys, check_number
from blis.errors import ConfigError
from blis.workload.labels import check_slo_class
from blis.workload.profiles import CONSTANT, Profile, profile_from_mapping
from blis.workload.requests import MOST_REQUESTS
from blis.workload.spec_client import Client, client_from_mapping
from blis.workload.prefix_texts import check_families

