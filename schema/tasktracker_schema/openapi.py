"""x"""
from typing import Any
def document(version: str) -> dict[str, Any]:
    """X."""
    return {}
