//! From the bytes of a message to what a machine vibrates with. Plain functions: nothing here knows WIT.

use crate::fft::amplitudes;

pub const FEWEST: usize = 64;
pub const MOST: usize = 16_384;
const PEAKS: usize = 3;
/// Below this share of the strongest, a peak is noise.
const FLOOR: f32 = 0.05;

#[derive(Debug, PartialEq)]
pub struct Peak {
    pub hertz: f32,
    pub amplitude: f32,
}

#[derive(Debug, PartialEq)]
pub struct Analysis {
    /// Of the signal without its mean.
    pub rms: f32,
    /// The strongest first.
    pub peaks: Vec<Peak>,
}

/// Signed 16-bit samples, the low byte first.
pub fn parse(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let count = bytes.len() / 2;
    if bytes.len() % 2 != 0 || !count.is_power_of_two() || !(FEWEST..=MOST).contains(&count) {
        return Err(format!("found {} bytes, want two for each of {FEWEST} to {MOST} samples, a power of two", bytes.len()));
    }
    Ok(bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect())
}

pub fn analyse(samples: &[f32], rate: f32) -> Analysis {
    let count = samples.len() as f32;
    let mean = samples.iter().sum::<f32>() / count;
    let signal: Vec<f32> = samples.iter().map(|sample| sample - mean).collect();
    let rms = (signal.iter().map(|value| value * value).sum::<f32>() / count).sqrt();
    let spectrum = amplitudes(&signal);
    let mut peaks: Vec<Peak> = (1..spectrum.len() - 1)
        .filter(|&at| spectrum[at] > spectrum[at - 1] && spectrum[at] >= spectrum[at + 1])
        .map(|at| Peak { hertz: at as f32 * rate / count, amplitude: spectrum[at] })
        .collect();
    peaks.sort_by(|a, b| b.amplitude.total_cmp(&a.amplitude));
    let floor = peaks.first().map_or(0.0, |strongest| strongest.amplitude * FLOOR);
    peaks.retain(|peak| peak.amplitude >= floor);
    peaks.truncate(PEAKS);
    Analysis { rms, peaks }
}

impl Analysis {
    pub fn to_json(&self, machine: &str) -> String {
        let peaks: Vec<String> = self
            .peaks
            .iter()
            .map(|peak| format!(r#"{{"hz":{:.1},"amplitude":{:.1}}}"#, peak.hertz, peak.amplitude))
            .collect();
        format!(r#"{{"machine":"{machine}","rms":{:.1},"peaks":[{}]}}"#, self.rms, peaks.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn wave(parts: &[(f32, f32)], rate: f32, count: usize) -> Vec<f32> {
        (0..count)
            .map(|at| parts.iter().map(|(hertz, size)| size * (TAU * hertz * at as f32 / rate).sin()).sum::<f32>() + 100.0)
            .collect()
    }

    #[test]
    fn finds_what_a_signal_consists_of() {
        let found = analyse(&wave(&[(50.0, 1000.0), (150.0, 400.0)], 1024.0, 1024), 1024.0);
        let rounded: Vec<(i32, i32)> =
            found.peaks.iter().map(|peak| (peak.hertz.round() as i32, peak.amplitude.round() as i32)).collect();
        assert_eq!(rounded, [(50, 1000), (150, 400)]);
        assert!((found.rms - (1_000_000.0_f32 / 2.0 + 160_000.0 / 2.0).sqrt()).abs() < 0.5);
    }

    #[test]
    fn finds_nothing_in_a_machine_that_stands_still() {
        assert_eq!(analyse(&[7.0; 64], 1000.0), Analysis { rms: 0.0, peaks: vec![] });
    }

    #[test]
    fn refuses_what_are_no_samples() {
        assert!(parse(&[0; 127]).is_err());
        assert!(parse(&[0; 120]).is_err());
        assert!(parse(&[0; 2]).is_err());
        assert_eq!(parse(&[0xff; 128]), Ok(vec![-1.0; 64]));
    }
}
