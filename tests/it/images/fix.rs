//! Mended copies.
