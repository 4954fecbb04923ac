"""x"""

from typing import Any


def render(document: dict[str, Any]) -> str:
    """X."""
    return ""
