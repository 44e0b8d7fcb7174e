"""What commands that write use: a writer of lines where the daemon of this store finds them."""

from __future__ import annotations

from logagent.errors import ConfigError, NotPermitted
from logagent.query import learning
from logagent.query.commands.session import Session
from logagent.settings import load_settings


def writer(session: Session) -> learning.Write:
    """What writes where a daemon will find it.

    Raises:
        NotPermitted: the source is a log file.
        ConfigError: nothing watches the log directory, or no daemon was ever there.
    """
    if not session.place.is_store:
        raise NotPermitted("a log file learns nothing; ask a store that a daemon fills")
    if session.status is None:
        raise ConfigError(f"no daemon has reported in {session.place.state_dir}: nothing would read what is written")
    return learning.line_writer(load_settings(flags={"state_dir": session.place.state_dir}), session.status.watched)
