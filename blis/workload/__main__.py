"""`python -m blis.workload describe`: see `blis.workload.description`."""

import sys

from blis.describe import main

if __name__ == "__main__":
    sys.exit(main())
