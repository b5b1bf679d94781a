"""`python -m hemblip`."""

import sys

from hemblip.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
