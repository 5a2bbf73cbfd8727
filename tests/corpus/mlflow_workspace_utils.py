"""Stands in for mlflow.utils.workspace_utils: scripts only take the constant."""

DEFAULT_WORKSPACE_NAME = "default"
