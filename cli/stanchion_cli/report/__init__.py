"""Reports on previews: what is planned, what changes, what is wrong, for people and for tools.

`model.report_on` makes a report, `formats.written` writes it, `base.worktree` finds what to compare
with. Nothing is imported here: a command line that only needs the formats' names starts fast.
"""
