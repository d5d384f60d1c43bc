//! Safetensors files with the tensor names of other programs, written byte by byte: eight bytes of header length,
//! a JSON header, the numbers.

use serde_json::{Map, Value, json};

/// The tensors of a file: name, shape and numbers of each.
#[derive(Clone, Debug, Default)]
pub struct Tensors(Vec<(String, Vec<usize>, Vec<f32>)>);

impl Tensors {
    /// A Stable-Baselines3 PPO policy with these hidden layers, whose weights all differ.
    #[must_use]
    pub fn sb3(observations: usize, hidden: &[usize], actions: usize) -> Self {
        let mut tensors = Self::default();
        let mut inputs = observations;
        for (i, width) in hidden.iter().enumerate() {
            tensors.linear(&format!("mlp_extractor.policy_net.{}", 2 * i), inputs, *width);
            inputs = *width;
        }
        tensors.linear("action_net", inputs, actions);
        tensors.add("log_std", &[actions], vec![-0.5; actions])
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        let scale = 1.5 / (inputs as f32).sqrt();
        let numbers = |count: usize, phase: f32| -> Vec<f32> {
            (0..count).map(|i| scale * (i as f32 * 1.7 + phase).sin()).collect()
        };
        let phase = name.len() as f32;
        self.0.push((
            format!("{name}.weight"),
            vec![outputs, inputs],
            numbers(inputs * outputs, phase),
        ));
        self.0.push((format!("{name}.bias"), vec![outputs], numbers(outputs, phase + 0.5)));
    }

    /// These tensors and one more.
    #[must_use]
    pub fn add(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        self.0.push((name.to_owned(), shape.to_vec(), values));
        self
    }

    /// These tensors without those whose name contains `part`.
    #[must_use]
    pub fn without(mut self, part: &str) -> Self {
        self.0.retain(|(name, ..)| !name.contains(part));
        self
    }

    /// These tensors with one number replaced.
    #[must_use]
    pub fn with(mut self, name: &str, at: usize, value: f32) -> Self {
        let tensor =
            self.0.iter_mut().find(|tensor| tensor.0 == name).expect("there is the tensor");
        tensor.2[at] = value;
        self
    }

    /// The numbers of a tensor.
    #[must_use]
    pub fn values(&self, name: &str) -> &[f32] {
        &self.0.iter().find(|tensor| tensor.0 == name).expect("there is the tensor").2
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let (mut header, mut data) = (Map::<String, Value>::new(), Vec::new());
        for (name, shape, values) in &self.0 {
            let begin = data.len();
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let about =
                json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] });
            header.insert(name.clone(), about);
        }
        let header = Value::Object(header).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&data);
        bytes
    }
}
