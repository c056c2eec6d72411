"""Files on an app's volume, reached by descriptors: nothing there is trusted."""
