//! The discrete Fourier transform of a power of two of real samples.

use std::f32::consts::TAU;

#[derive(Clone, Copy)]
struct Complex {
    re: f32,
    im: f32,
}

/// Amplitude at each frequency from 0 to half the rate: `samples.len() / 2 + 1` of them.
///
/// A Hann window is laid over the samples, so that what does not fit into them in whole turns stays near its frequency.
/// `samples.len()` is a power of two.
pub fn amplitudes(samples: &[f32]) -> Vec<f32> {
    let count = samples.len();
    let mut values: Vec<Complex> = samples
        .iter()
        .enumerate()
        .map(|(at, &sample)| Complex { re: sample * hann(at, count), im: 0.0 })
        .collect();
    transform(&mut values);
    // Half of a real signal is at the negative frequencies, and the window takes half.
    let scale = 4.0 / count as f32;
    values[..=count / 2].iter().map(|value| value.re.hypot(value.im) * scale).collect()
}

fn hann(at: usize, count: usize) -> f32 {
    0.5 - 0.5 * (TAU * at as f32 / count as f32).cos()
}

/// In place: reorder by reversed bits, then combine pairs, fours, eights and so on.
fn transform(values: &mut [Complex]) {
    let count = values.len();
    let bits = count.trailing_zeros();
    for at in 0..count {
        let other = at.reverse_bits() >> (usize::BITS - bits);
        if at < other {
            values.swap(at, other);
        }
    }
    let turns: Vec<Complex> = (0..count / 2)
        .map(|at| {
            let (sin, cos) = (-TAU * at as f32 / count as f32).sin_cos();
            Complex { re: cos, im: sin }
        })
        .collect();
    let mut half = 1;
    while half < count {
        let step = count / (2 * half);
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (at, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turn = turns[at * step];
                let turned = Complex { re: b.re * turn.re - b.im * turn.im, im: b.re * turn.im + b.im * turn.re };
                *b = Complex { re: a.re - turned.re, im: a.im - turned.im };
                *a = Complex { re: a.re + turned.re, im: a.im + turned.im };
            }
        }
        half *= 2;
    }
}
