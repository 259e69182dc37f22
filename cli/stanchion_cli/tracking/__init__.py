"""The tracking server's backups: listed, made out of turn, and restored."""

from stanchion_cli.tracking.backups import Backup, back_up, choose, listed
from stanchion_cli.tracking.restore import restore

__all__ = ["Backup", "back_up", "choose", "listed", "restore"]
