"""Settings: in come files, variables and flags; out comes one frozen object that knows where each value came from.

>>> from logagent.settings import load_settings, resolve_store_url
>>> environ = {"LOG_BATCH_SIZE": "500", "LOGAGENT_STORE": "sqlite:///srv/logs.db"}
>>> settings = load_settings(environ=environ, directory="/")
>>> settings.batch_size, settings.origin_of("batch_size"), resolve_store_url(settings)
(500, 'environment LOG_BATCH_SIZE', 'sqlite:///srv/logs.db')
"""

from logagent.settings.addresses import ArangoAddress, SqliteAddress, is_same_store, parse_store_url
from logagent.settings.loading import load_settings
from logagent.settings.model import SPECS, Settings, Spec
from logagent.settings.secret import Secret
from logagent.settings.store_choice import arango_password, read_password, resolve_store, resolve_store_url

__all__ = [
    "SPECS",
    "ArangoAddress",
    "Secret",
    "Settings",
    "Spec",
    "SqliteAddress",
    "arango_password",
    "is_same_store",
    "load_settings",
    "parse_store_url",
    "read_password",
    "resolve_store",
    "resolve_store_url",
]
