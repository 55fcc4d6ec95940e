"""``python -m alberdice`` is the command ``alberdice``."""

from alberdice.cli import main

if __name__ == "__main__":
    main()
