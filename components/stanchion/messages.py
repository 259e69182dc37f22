"""Messages as anybody may read them, whatever was written where they complain."""

import re

_LONGEST_QUOTE = 120
_KEYS = re.compile(
    # Keys by how services begin them, of some length and with digits, as names hardly have.
    r"\b(?:sk|rk|pat|ghp|gho|ghu|ghs|ghr|github_pat|glpat|hf|xox[a-z])[-_]"
    r"(?=[\w-]{12})(?=(?:[A-Za-z_-]*\d){3})[\w-]+"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{35}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w.-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:END [A-Z ]*PRIVATE KEY-+|$)"
    # The password of an address.
    r"|(?<=://)[^\s/:@']*:[^\s/@']+(?=@)",
    re.DOTALL,
)
_QUOTED = re.compile(rf"'([^']{{{_LONGEST_QUOTE},}})'")
NOT_SHOWN = "(not shown)"


def readable(message: str) -> str:
    """A message in one line, that shows no key and nothing at full length that is too long.

    A value is quoted in a message as it was written, and what was written may be a key in the
    wrong place, or a whole file. What only its place makes a secret is for whoever knows the
    place to leave out.
    """
    shown = _KEYS.sub(NOT_SHOWN, message)
    shown = _QUOTED.sub(lambda found: f"'{found[1][: _LONGEST_QUOTE // 2]}…'", shown)
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in shown)
