"""``python -m metalearn``."""

from metalearn.cli import main

if __name__ == "__main__":
    main()
