"""One module for each collection: the shapes that its authors use, crossed with apps."""
