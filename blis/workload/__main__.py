"""`python -m blis.workload describe`: see `blis.workload_description`."""

import sys

from blis.workload_description.command import main

if __name__ == "__main__":
    sys.exit(main())
