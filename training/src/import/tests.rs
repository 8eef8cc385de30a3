use proptest::prelude::*;
use scoring::Model;
use serde_json::{Value, json};

use super::*;
use crate::export;

#[test]
fn a_format_is_known_by_its_first_bytes() {
    let check = |bytes: &[u8], expect: Option<Source>| assert_eq!(format(bytes), expect, "{bytes:?}");
    check(b"tree\nversion=v4", Some(Source::LightGbm));
    check(b"{\"learner\":{}}", Some(Source::XgBoostJson));
    check(b" {\n \"learner\":{}}", Some(Source::XgBoostJson));
    check(b"{L\0\0\0\0\0\0\0\x07learner{}}", Some(Source::XgBoostUbjson));
    check(b"\x08\x08\x12\x00", Some(Source::Onnx));
    check(b"binf", None);
    check(b"", None);
    check(b"{", None);
}

#[test]
fn lightgbm_sends_what_is_missing_its_way() {
    // -1 on the left and 1 on the right of a threshold, by decision type: none 0, zero 4, NaN 8, and 2 for the left by default.
    let check = |decision: u8, threshold: &str, values: [f64; 5]| {
        let Model::Trees(trees) = read(lightgbm(decision, threshold).as_bytes()).unwrap().scorer.model else {
            panic!("no trees")
        };
        let found = [f64::NAN, 0.0, 1e-36, -2.0, 2.0].map(|value| trees.output(&[value, 0.0]));
        assert_eq!(found, values, "{decision} {threshold}");
    };
    let (l, r) = (-1.0, 1.0);
    check(0, "1", [l, l, l, l, r]);
    check(2, "-1", [r, r, r, l, r]);
    check(4, "1", [r, r, r, l, r]);
    check(6, "1", [l, l, l, l, r]);
    check(4, "-1", [r, r, r, l, r]);
    check(6, "-1", [l, l, l, l, r]);
    check(8, "1", [r, l, l, l, r]);
    check(10, "-1", [l, r, r, l, r]);
    check(0, "1e-40", [l, l, l, l, r]);
    check(0, "-1e-40", [r, r, r, l, r]);
}

#[test]
fn lightgbm_sends_categories_of_a_set_left() {
    // 0, 5 and 32 and 33: bits of two words.
    let text = lightgbm(1, "0").replace("num_cat=0", "num_cat=1\ncat_boundaries=0 2\ncat_threshold=33 3");
    let imported = read(text.as_bytes()).unwrap();
    let Model::Trees(trees) = &imported.scorer.model else { panic!("no trees") };
    let check = |value: f64, left: bool| assert_eq!(trees.output(&[value, 0.0]), if left { -1.0 } else { 1.0 }, "{value}");
    for value in [0.0, 0.9, -0.9, 5.0, 5.9, 32.0, 33.0, 33.9] {
        check(value, true);
    }
    for value in [f64::NAN, -1.0, 1.0, 4.9, 6.0, 31.9, 34.0, 1e300, -1e300] {
        check(value, false);
    }
    // The reasons are those of one split, 30 rows to 10: 0.5 on average.
    assert!((trees.expected_output() - 0.5).abs() < 1e-12 && imported.has_cover);
    let contributions = imported.scorer.model.contributions(&[5.0, 0.0]);
    assert!((contributions[0] + 1.5).abs() < 1e-12 && contributions[1] == 0.0, "{contributions:?}");
}

#[test]
fn a_lightgbm_file_that_is_damaged_or_not_known_is_named() {
    let check = |from: &str, to: &str, expect: &str| {
        let text = lightgbm(2, "1").replace(from, to);
        assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expect, "{from} -> {to}");
    };
    let damaged = |what: &str| format!("the LightGBM text file is damaged: {what}");
    check("end of trees", "", &damaged("it ends before the end of the trees"));
    check("leaf_count=10 30", "leaf_count=10", &damaged("tree 0 has 1 numbers in leaf_count and not 2"));
    check("threshold=1", "threshold=x", &damaged("tree 0 has x in threshold, which is no number"));
    check("tree_sizes=1", "tree_sizes=1 1", &damaged("it has 1 trees, not as many as tree_sizes tells"));
    check("left_child=-1", "left_child=0", "node 0 of tree 0 is the child of two nodes");
    check("left_child=-1\nright_child=-2", "left_child=-2\nright_child=-2", "node 2 of tree 0 is the child of two nodes");
    check("num_leaves=2", "num_leaves=1", &damaged("tree 0 has 2 numbers in leaf_value and not 1"));
    check("left_child=-1", "left_child=-7", "node 7 of tree 0 is a child but does not exist");
    check("split_feature=0", "split_feature=2", "node 0 of tree 0 compares a feature that does not exist");
    check("leaf_value=-1", "leaf_value=nan", "node 1 of tree 0 has a value that is not finite");
    check("=v4", "=v9", "version v9 of the format is not supported (LightGBM text)");
    check("num_class=1", "num_class=3", "a model with num_class=3 is not supported (LightGBM text)");
    check("binary sigmoid:1", "regression", "the objective regression is not supported (LightGBM text)");
    check("is_linear=0", "is_linear=1", "linear_tree (tree 0) is not supported (LightGBM text)");
    let words = "pandas_categorical:[[\"a\"]]";
    check(
        "pandas_categorical:null",
        words,
        "a data frame's column of categories that are not 0, 1, 2 and so on is not supported (LightGBM text)",
    );
}

#[test]
fn xgboost_compares_singles_and_starts_from_its_base_score() {
    let Model::Trees(trees) = read(&xgboost_json(&xgboost())).unwrap().scorer.model else { panic!("no trees") };
    let check = |value: f64, expect: f64| assert_eq!(trees.output(&[value, 0.0]), expect, "{value}");
    let threshold = f64::from(0.1f32);
    check(f64::NAN, -1.0);
    check(threshold, 2.0);
    // 0.1 becomes the threshold in single precision.
    check(0.1, 2.0);
    check(f64::from(0.1f32.next_down()), -1.0);

    let base = |edit: &dyn Fn(&mut Value)| {
        let mut file = xgboost();
        edit(&mut file["learner"]);
        read(&xgboost_json(&file)).map(|imported| imported.scorer.probability(&[0.0, 0.0]))
    };
    let score = |text: &'static str| base(&|learner| learner["learner_model_param"]["base_score"] = json!(text));
    let margin = |odds: f64| scoring::model::sigmoid(odds.ln() - 1.0);
    for (found, expect) in [(score("[2.5E-1]"), margin(1.0 / 3.0)), (score("7.5E-1"), margin(3.0))] {
        assert!((found.unwrap() - expect).abs() < 1e-12);
    }
    assert_eq!(
        score("[1E0]").unwrap_err().to_string(),
        "the XGBoost JSON file is damaged: learner.learner_model_param.base_score is [1E0] and not between 0 and 1"
    );
    assert_eq!(
        base(&|learner| learner["objective"]["name"] = json!("rank:ndcg")).unwrap_err().to_string(),
        "the objective rank:ndcg is not supported (XGBoost JSON)"
    );
    assert_eq!(
        base(&|learner| learner["gradient_booster"]["model"]["trees"][0]["right_children"] = json!([0, -1, -1])).unwrap_err(),
        Error::Tree { tree: 0, node: 0, what: "is the child of two nodes" }
    );
    assert_eq!(
        base(&|learner| learner["gradient_booster"]["model"]["trees"][0]["sum_hessian"] = json!([1])).unwrap_err().to_string(),
        "the XGBoost JSON file is damaged: learner.gradient_booster.model.trees[0].sum_hessian has 1 numbers and not 3"
    );
}

#[test]
fn weights_of_xgboost_are_a_linear_model() {
    let mut file = xgboost();
    file["learner"]["gradient_booster"] =
        json!({"name": "gblinear", "model": {"boosted_rounds": 1, "weights": [0.1, -2.0, 0.5]}});
    let imported = read(&xgboost_json(&file)).unwrap();
    let check = |values: [f64; 2], margin: f64| {
        let expect = scoring::model::sigmoid(margin);
        assert!((imported.scorer.probability(&values) - expect).abs() < 1e-15, "{values:?}");
    };
    check([0.0, 0.0], 0.5);
    check([10.0, 0.25], 0.5 + 10.0 * f64::from(0.1f32) - 0.5);
    check([f64::NAN, 1.0], -1.5);
    file["learner"]["gradient_booster"]["model"]["weights"] = json!([0.1, -2.0]);
    assert_eq!(
        read(&xgboost_json(&file)).unwrap_err().to_string(),
        "the XGBoost JSON file is damaged: learner.gradient_booster.model.weights has 2 numbers and not 3"
    );
}

#[test]
fn both_encodings_of_xgboost_are_one_model() {
    let (json, binary) = (read(&xgboost_json(&xgboost())).unwrap(), read(&ubjson(&xgboost())).unwrap());
    assert_eq!(json.scorer, binary.scorer);
    assert_eq!((json.source, binary.source), (Source::XgBoostJson, Source::XgBoostUbjson));
    assert_eq!(json.features, ["amount", "risk"]);
}

#[test]
fn golden_rows_prove_a_model_or_name_the_row_that_differs() {
    let scorer = read(lightgbm(2, "1").as_bytes()).unwrap().scorer;
    let features = ["amount".to_owned(), "risk".to_owned()];
    let check = |text: &str, expect: Result<usize, &str>| {
        let rows = GoldenRows::read(text.as_bytes(), &features).and_then(|rows| verify(&scorer, &rows));
        assert_eq!(
            rows.map(|exactness| exactness.rows).map_err(|error| error.to_string()),
            expect.map_err(str::to_owned),
            "{text}"
        );
    };
    check("risk,amount,prediction\n,3,0.7310585786300049\n1,0,0.2689414213699951", Ok(2));
    check("amount,risk,\"prediction\"\r\n,\"\",0.2689414213699951\r\n", Ok(1));
    let known = "row 1 of the known predictions gives 0.2689414213699951 and not 0.27";
    check("amount,risk,prediction\n0,0,0.27", Err(known));
    check("amount,prediction\n0,0.27", Err("the known predictions cannot be read: there is no column risk"));
    check(
        "amount,risk,prediction\n0,x,0.27",
        Err("the known predictions cannot be read: row 1 has 'x' where a number should be"),
    );
    check("amount,risk,prediction\n0", Err("the known predictions cannot be read: row 1 ends before column 2"));
    check("amount,risk,prediction\n\"0", Err("the known predictions cannot be read: a quoted cell does not end"));
    check("amount,risk,prediction\n", Err("the known predictions cannot be read: there are no rows"));
    check("", Err("the known predictions cannot be read: there is no header"));
    check("amount,risk,prediction\n0,0,", Err("row 1 of the known predictions gives 0.2689414213699951 and not NaN"));
}

/// A model in each format.
fn samples() -> [Vec<u8>; 5] {
    let text = lightgbm(1, "0").replace("num_cat=0", "num_cat=1\ncat_boundaries=0 2\ncat_threshold=33 3");
    let imported = read(text.as_bytes()).unwrap();
    let linear =
        scoring::model::Linear { intercept: -1.0, weights: vec![1.0, 2.0], means: vec![0.5; 2], deviations: vec![3.0; 2] };
    [
        export::onnx(&imported.scorer.model, &imported.features),
        export::onnx(&Model::Linear(linear), &imported.features),
        text.into_bytes(),
        xgboost_json(&xgboost()),
        ubjson(&xgboost()),
    ]
}

#[test]
fn a_file_that_ends_early_is_an_error() {
    for bytes in samples() {
        for end in 0..bytes.len() {
            // A text may lose what comes after its trees.
            if let Ok(imported) = read(&bytes[..end]) {
                assert_eq!(imported.scorer.check(), Ok(()));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_file_is_an_error_or_a_model_that_runs(
        sample in 0..5usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u8), 1..4),
    ) {
        let mut bytes = samples()[sample].clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(imported) = read(&bytes) {
            prop_assert_eq!(imported.scorer.check(), Ok(()));
            let probability = imported.scorer.probability(&vec![f64::NAN; imported.scorer.width()]);
            prop_assert!((0.0..=1.0).contains(&probability));
        }
    }
}

/// One split of feature 0, -1 left with 10 rows and 1 right with 30.
fn lightgbm(decision: u8, threshold: &str) -> String {
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=binary sigmoid:1\n\
         feature_names=amount risk\nfeature_infos=none none\ntree_sizes=1\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\n\
         split_gain=1\nthreshold={threshold}\ndecision_type={decision}\nleft_child=-1\nright_child=-2\nleaf_value=-1 1\n\
         leaf_count=10 30\nis_linear=0\nshrinkage=1\n\n\nend of trees\n\npandas_categorical:null\n"
    )
}

/// One split of feature 0 at 0.1, -1 left and also for what is missing, 2 right.
fn xgboost() -> Value {
    json!({"learner": {
        "feature_names": ["amount", "risk"],
        "gradient_booster": {"name": "gbtree", "model": {
            "cats": {"enc": []},
            "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"},
            "trees": [{
                "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0], "split_type": [0, 0, 0],
                "split_conditions": [0.1, -1.0, 2.0], "default_left": [1, 0, 0], "sum_hessian": [4.0, 1.0, 3.0],
                "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
                "tree_param": {"size_leaf_vector": "1"}
            }]
        }},
        "learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_feature": "2", "num_target": "1"},
        "objective": {"name": "binary:logistic"}
    }})
}

fn xgboost_json(file: &Value) -> Vec<u8> {
    serde_json::to_vec(file).unwrap()
}

/// As XGBoost writes it: counts as 64 bits ahead of lists and texts, objects open to their end.
fn ubjson(value: &Value) -> Vec<u8> {
    let length = |length: usize| [b"L".as_slice(), &(length as i64).to_be_bytes()].concat();
    let text = |text: &str| [length(text.len()), text.as_bytes().to_vec()].concat();
    match value {
        Value::Number(number) if number.is_i64() => [b"l".as_slice(), &(number.as_i64().unwrap() as i32).to_be_bytes()].concat(),
        Value::Number(number) => [b"d".as_slice(), &(number.as_f64().unwrap() as f32).to_be_bytes()].concat(),
        Value::String(string) => [b"S".to_vec(), text(string)].concat(),
        Value::Array(list) => [b"[#".to_vec(), length(list.len()), list.iter().flat_map(ubjson).collect()].concat(),
        Value::Object(map) => {
            let entries = map.iter().flat_map(|(key, value)| [text(key), ubjson(value)].concat());
            [b"{".to_vec(), entries.collect(), b"}".to_vec()].concat()
        }
        _ => b"Z".to_vec(),
    }
}
