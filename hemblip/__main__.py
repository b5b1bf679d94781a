"""`python -m hemblip`, and the installed command `hemblip`."""

import os
import sys


def main() -> int:
    """Run the command line of this process.

    Returns:
        Exit code; see `hemblip.cli.main`, and 141 when nobody reads the output any more, as after `| head`.
    """
    try:
        from hemblip.cli.main import main as run

        code = run()
        sys.stdout.flush()
    except KeyboardInterrupt:  # while it is loaded
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end of the process
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
