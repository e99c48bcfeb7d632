"""Poses as they travel: the hosted JSON, read and written, and the forms that our own files hold."""
