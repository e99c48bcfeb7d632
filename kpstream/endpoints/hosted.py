"""What is known of Roboflow's hosted service by its host alone: its rate and its price. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_RATE = 20.0
"""Requests a second. Source: Roboflow's blog, "Parallel Inference Requests", February 2025."""
_DOMAINS = (".roboflow.com", ".roboflow.eu", ".roboflow.cloud")
_SECONDS_A_CREDIT = 500.0
_LEAST_SECONDS = 0.1


def is_hosted(url: str) -> bool:
    """Whether the hosted service answers at an address: one of its domains, or any host below one."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return f".{host}".endswith(_DOMAINS)


def credits_for(seconds: float = 0.0) -> float:
    """Estimated credits that the hosted service asks for one answered request.

    Source: Roboflow documentation, "Pricing", serverless hosted API: 1 credit is 500 s of execution, and a request
    takes at least 100 ms.

    Args:
        seconds: The execution time that the service states; 0 where it states none.
    """
    return max(_LEAST_SECONDS, seconds) / _SECONDS_A_CREDIT
