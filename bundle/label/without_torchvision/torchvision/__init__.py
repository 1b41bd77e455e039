"""Takes the place of torchvision, of which MONAI Label imports two functions, where it is not installed."""
