"""Real servers from wheels, for one machine: Valkey and PostgreSQL, on Unix sockets in a state folder."""

from gateway.embedded.addresses import ServerUrls, client_url, running_urls
from gateway.embedded.errors import ServersError
from gateway.embedded.servers import EmbeddedServers

__all__ = ["EmbeddedServers", "ServerUrls", "ServersError", "client_url", "running_urls"]
