"""What commands that write use: a writer of lines where the daemon of this store finds them."""

from __future__ import annotations

from logagent.query import learning
from logagent.query.commands.session import Session


def writer(session: Session) -> learning.Write:
    """What writes where a daemon will find it.

    Raises:
        NotPermitted: the source is a log file.
        ConfigError: nothing watches the log directory, or no daemon was ever there.
    """
    return learning.writer_for(session.place, session.status)
