"""``python -m tasktracker_server``: the same as ``tasktracker-server``."""

from tasktracker_server.cli import main

if __name__ == "__main__":
    main()
