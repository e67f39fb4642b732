"""What a run leaves and where it works until that is whole."""
