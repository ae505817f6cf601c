"""Limits of endpoints (requests and tokens a minute, calls at once), shared by all workers."""

from workers.limits.bucket import Grant, LimitSpec
from workers.limits.endpoint import EndpointLimits
from workers.limits.shared import server_url

__all__ = ["EndpointLimits", "Grant", "LimitSpec", "server_url"]
