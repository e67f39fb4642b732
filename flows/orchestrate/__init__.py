"""Builds on a schedule and from a form: the only room that knows Prefect."""
