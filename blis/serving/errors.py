"""Answers that refuse, in the form that OpenAI's API and vLLM's server have for them."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer like others, not a defect
    """A request is answered with an error."""

    def __init__(
        self, status: int, message: str, kind: str, parameter: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.parameter, self.retry_after_s = parameter, retry_after_s

    def body(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "error": {"message": self.message, "type": self.kind, "param": self.parameter, "code": self.status},
        }

    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


def bad_request(message: str, parameter: str | None = None) -> Refusal:
    """What was sent cannot be served."""
    return Refusal(400, message, "BadRequestError", parameter)


def no_such_model(name: str) -> Refusal:
    """The model is not served here."""
    return Refusal(404, f"The model `{name}` does not exist.", "NotFoundError", "model")


def too_many(message: str, retry_after_s: int) -> Refusal:
    """The cluster refuses the request for now."""
    return Refusal(429, message, "RateLimitError", None, retry_after_s)


def unavailable(message: str, retry_after_s: int) -> Refusal:
    """The cluster cannot serve the request now."""
    return Refusal(503, message, "ServiceUnavailableError", None, retry_after_s)
