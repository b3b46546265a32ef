//! A low-rank path beside a layer (Hu et al. 2021): up · down of what the layer is given, times a scale, is added to
//! what it gives. The layer's own weights stay as they are, and have no gradients computed.

/// Both parts are layers of the kind that they stand beside.
#[derive(Clone)]
pub(super) struct Side<L> {
    pub down: L,
    pub up: L,
    pub scale: f64,
}
