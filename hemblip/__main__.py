"""`python -m hemblip`."""

import sys

from hemblip.cli import main

if __name__ == "__main__":
    sys.exit(main())
