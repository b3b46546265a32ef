//! Angles without the libraries' `atan2`, which differs between platforms.

/// Direction of (x, y) as a share of a full turn, 0..1; 0 for the zero vector. The error is below 0.0003 turns.
///
/// Polynomial of S. Rajan et al., "Efficient approximations for the arctangent function", IEEE Signal Processing
/// Magazine 23(3), 2006.
pub(super) fn turn(y: f32, x: f32) -> f32 {
    let (ax, ay) = (x.abs(), y.abs());
    let (small, large) = (ax.min(ay), ax.max(ay));
    if large == 0.0 {
        return 0.0;
    }
    let ratio = small / large;
    // atan(r) / 2π = r / 8 + r (1 − r) (0.2447 + 0.0663 r) / 2π
    let octant = ratio * 0.125 + ratio * (1.0 - ratio) * (0.2447 + 0.0663 * ratio) * 0.159_154_94;
    let quadrant = if ay > ax { 0.25 - octant } else { octant };
    let half = if x < 0.0 { 0.5 - quadrant } else { quadrant };
    let turn = if y < 0.0 { 1.0 - half } else { half };
    if turn >= 1.0 { 0.0 } else { turn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_agree_with_atan2() {
        for degree in 0..360 {
            let angle = (degree as f32).to_radians();
            let found = turn(angle.sin() * 3.0, angle.cos() * 3.0);
            let error = (found - degree as f32 / 360.0).abs();
            assert!(error.min(1.0 - error) < 3e-4, "{degree}: {found}");
        }
        assert_eq!((turn(0.0, 0.0), turn(-0.0, 1.0)), (0.0, 0.0));
    }
}
