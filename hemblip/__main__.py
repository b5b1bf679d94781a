"""`python -m hemblip`."""

import sys

if __name__ == "__main__":
    try:
        from hemblip.cli.main import main
    except KeyboardInterrupt:  # while it is loaded
        sys.stderr.write("stopped\n")
        sys.exit(130)
    sys.exit(main())
