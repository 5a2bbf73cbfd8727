"""Stands in for mlflow.exceptions, which needs the application's protocol buffers. Scripts raise from it."""

RESOURCE_DOES_NOT_EXIST = INVALID_PARAMETER_VALUE = 0


class MlflowException(Exception):
    """An error with a message."""

    def __init__(self, message, error_code=None, **_options):
        super().__init__(message)

    @classmethod
    def invalid_parameter_value(cls, message, **options):
        """The error for a bad value."""
        return cls(message, **options)
