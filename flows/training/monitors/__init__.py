"""Monitors that a training reports to, one file each: `contract` says what one is, `known` lists all."""
