"""``esm2amp``, and ``python -m esm2amp_core``: the same command."""

import sys


def main() -> None:
    """Run the command; Ctrl+C ends it in one line, also while the program is still being loaded."""
    try:
        from esm2amp_core.cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("esm2amp: stopped.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
