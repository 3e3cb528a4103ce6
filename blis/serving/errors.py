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


def unavailable(message: str, retry_after_s: int, status: int = 503) -> Refusal:
    """The cluster does not serve the request now: 503, or 429 if it is said to be the client's turn to wait."""
    kind = "RateLimitError" if status == 429 else "ServiceUnavailableError"
    return Refusal(status, message, kind, None, retry_after_s)
