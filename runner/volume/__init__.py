"""Files on an app's volume, accessed by descriptors; nothing there is trusted."""
