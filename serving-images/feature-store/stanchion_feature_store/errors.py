"""What can go wrong, in the words of whoever is to mend it."""


class SettingsError(ValueError):
    """The environment or a secret file is not what the command needs."""


class DefinitionsError(ValueError):
    """The feature repository says what this platform does not serve."""


class StoreError(Exception):
    """The database, the sources or Feast did not do what was asked for."""


class InconsistentError(Exception):
    """What is served differs from what training would read."""
