"""The offline preview of environments of growing size, each beside one of half its size."""
