use host_trainer::{config::*, evaluate::*, train::Trainer};
fn main() {
    host_trainer::nn::use_one_thread();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let config = resolve(&Sources { set: args, ..Default::default() }).unwrap();
    let mut t = Trainer::new(config.clone(), tch::Device::Cpu).unwrap();
    let start = std::time::Instant::now();
    let mut clock = host_trainer::run::metrics::Clock::default();
    while !t.is_finished() {
        let m = t.iterate().unwrap();
        clock.add(&m.clock);
        if m.iteration % 4 == 0 || t.is_finished() {
            let what = Evaluation { task: t.task(), action_repeat: 4, episodes: if t.is_finished() {20} else {5}, seed: 1000, threads: 2 };
            let r: Vec<f64> = evaluate(&t.agent(0), &what).unwrap().iter().map(|e| e.total).collect();
            println!("{:3} dec {:6} {:5.1}s ret {:6.1} eval {:6.1} (min {:.0}) vl {:.4} kl {:.4} clip {:.3} ev {:.3} std {:.2} tm {:.4} rm {:.4} corr {:.2}", m.iteration, m.decisions, start.elapsed().as_secs_f64(), m.episode_return.unwrap_or(-1.0), Summary::of(&r).mean, r.iter().cloned().fold(1e9, f64::min), m.value_loss, m.kl, m.clip_fraction, m.explained_variance, m.log_std, m.transition_error, m.reward_error, m.extra_advantage_correlation.unwrap_or(0.0));
        }
    }
    println!("{clock:?}");
}
