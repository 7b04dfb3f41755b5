"""Calls to AWS: the only part that imports boto3, and only when a call is made."""
