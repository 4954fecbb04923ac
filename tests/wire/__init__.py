"""The wire suite: raw HTTP against any implementation of the contract. It needs nothing but ``BASE_URL``."""
