//! Replays as JSON: what is refused, and what comes out.

use super::fresh;
use crate::find;
use crate::replay::{self, Reply};

#[test]
fn a_wrong_request_is_refused_with_its_cause() {
    let good = r#"{"task": "cartpole-swingup", "state": STATE, "actions": [[0.1]], "repeat": 4}"#;
    let state = fresh(find("cartpole-swingup").unwrap(), 1, 0).save();
    let good = good.replace("STATE", &format!("{:?}", state.integration));
    assert!(replay::replay(&good).is_ok());
    let cases = [
        ("cartpole-swingup", "cartpole-swing", "did you mean cartpole-swingup?"),
        ("\"repeat\": 4", "\"repeat\": 0", "action repeat"),
        ("\"repeat\": 4", "\"repeat\": -1", "invalid value"),
        ("\"repeat\": 4", "\"repeat\": 4, \"modle\": {}", "did you mean \"model\"?"),
        (
            "\"repeat\": 4",
            "\"repeat\": 4, \"model\": {\"geom_pose\": []}",
            "did you mean \"geom_pos\"?",
        ),
        (
            "\"repeat\": 4",
            "\"repeat\": 4, \"model\": {\"geom_pos\": [1.0]}",
            "geom_pos has 1 values",
        ),
        ("[[0.1]]", "[[0.1, 0.2]]", "the action has 2 values, but the task has 1"),
        ("[[0.1]]", "[[1e999]]", "number out of range"),
        ("[[0.1]]", "[[null]]", "invalid type"),
        ("\"state\": [", "\"state\": [0.0, ", "the state has"),
    ];
    for (from, to, cause) in cases {
        let text = replay::replay(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(text.contains(cause), "{to}: {text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}

#[test]
fn replies_hold_17_significant_digits() {
    let reply = Reply {
        observations: vec![vec![0.1, -1.0 / 3.0], vec![1e-300, 0.0]],
        rewards: vec![1.0, 0.1 + 0.2],
    };
    let json = reply.to_json();
    assert!(json.contains("3.0000000000000004e-1"), "{json}");
    assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply);
}
