//! Addresses, shapes, errors, limits and faults.

use super::*;

#[tokio::test]
async fn only_the_token_opens_the_door() {
    let world = World::new("sleep 60", &[]);
    let url = format!("{}/v1/apps/porter-local/machines", world.address);
    for authorization in [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic canary-host-token-0001")] {
        let mut request = world.client.get(&url);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{authorization:?}");
        assert!(!response.headers()["fly-request-id"].is_empty());
        assert_eq!(response.json::<Value>().await.unwrap()["error"], "unauthorized");
    }
    let faults = world.client.post(format!("{}/_machines/faults", world.address)).send().await.unwrap();
    assert_eq!(faults.status(), 401);
}

#[tokio::test]
async fn a_name_is_given_once_and_free_again_when_its_machine_is_gone() {
    let world = World::new("sleep 60", &[]);
    let first = world.create("porter-a-1", config()).await;
    assert_eq!(first["state"], "created");
    let (status, conflict) =
        world.call(Method::POST, "/machines", json!({"name": "porter-a-1", "config": config()})).await;
    assert_eq!(status, 409);
    let id = first["id"].as_str().unwrap();
    let expected = format!(
        "already_exists: unique machine name violation, machine ID {id} already exists with name \"porter-a-1\""
    );
    assert_eq!(conflict["error"], expected);
    assert_eq!(world.call(Method::DELETE, &format!("/machines/{id}?force=true"), Value::Null).await.0, 200);
    world.until(id, "destroyed").await;
    world.create("porter-a-1", config()).await;
}

#[tokio::test]
async fn of_many_at_once_one_gets_the_name() {
    let world = World::new("sleep 60", &[]);
    let order = json!({"name": "porter-a-2", "config": config()});
    let create = || world.call(Method::POST, "/machines", order.clone());
    let (a, b, c, d) = tokio::join!(create(), create(), create(), create());
    let mut statuses = [a.0, b.0, c.0, d.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    let (_, machines) = world.call(Method::GET, "/machines", Value::Null).await;
    assert_eq!(machines.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_machine_is_shown_as_it_was_asked_for_and_found_by_its_metadata() {
    let world = World::new("sleep 60", &[]);
    let id = world.create("porter-b-1", config()).await["id"].as_str().unwrap().to_owned();
    world.create("other", json!({"image": "i", "metadata": {"porter_task": "another"}})).await;
    let machine = world.until(&id, "started").await;
    assert_eq!(machine["config"], config());
    assert_eq!(machine["name"], "porter-b-1");
    let named = |machines: &Value| -> Vec<String> {
        machines.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, all) = world.call(Method::GET, "/machines", Value::Null).await;
    assert_eq!(named(&all), ["porter-b-1", "other"]);
    let (_, found) = world.call(Method::GET, "/machines?metadata.porter_task=abcdefghij0123456789", Value::Null).await;
    assert_eq!(named(&found), ["porter-b-1"]);
    let path = format!("/machines/{id}/metadata/note");
    assert_eq!(world.call(Method::POST, &path, json!({"value": "v"})).await.0, 204);
    assert_eq!(world.call(Method::GET, &format!("/machines/{id}/metadata"), Value::Null).await.1["note"], "v");
    assert_eq!(world.call(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(world.call(Method::GET, &format!("/machines/{id}/metadata"), Value::Null).await.1["note"], Value::Null);
    let (_, events) = world.call(Method::GET, &format!("/machines/{id}/events"), Value::Null).await;
    let kinds: Vec<&str> = events.as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "start", "launch"]);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_as_fly_says_it() {
    let world = World::new("sleep 60", &[]);
    let id = world.create("porter-c-1", staying()).await["id"].as_str().unwrap().to_owned();
    world.until(&id, "started").await;
    let at = |tail: &str| format!("/machines/{id}{tail}");
    let table = [
        (Method::POST, "/machines".into(), json!({"name": "x"}), 422, "config is required"),
        (Method::POST, "/machines".into(), json!({"config": {}}), 422, "config.image is required"),
        (Method::GET, "/machines/nope".into(), Value::Null, 404, "machine not found"),
        (Method::POST, "/machines/nope/stop".into(), Value::Null, 404, "machine not found"),
        (Method::DELETE, "/machines/nope".into(), Value::Null, 404, "machine not found"),
        (Method::POST, at("/start"), Value::Null, 412, "unable to start machine from current state: 'started'"),
        (Method::DELETE, at(""), Value::Null, 412, "unable to destroy machine from current state: 'started'"),
        (Method::POST, at("/stop"), json!({"signal": "SIGNOPE"}), 422, "unknown signal"),
        (Method::POST, at("/stop"), json!([]), 422, "must be an object"),
        (Method::GET, at("/wait?state=happy"), Value::Null, 400, "cannot wait for state happy"),
        (Method::GET, at("/wait?state=stopped"), Value::Null, 400, "instance_id is required"),
        (Method::GET, at("/wait?state=stopped&instance_id=i&timeout=1"), Value::Null, 408, "deadline_exceeded"),
        (Method::POST, at("/metadata/k"), json!({"value": 1}), 422, "value must be a string"),
        (Method::PUT, at(""), Value::Null, 405, "method not allowed"),
        (Method::GET, "/nonsense".into(), Value::Null, 404, "not found"),
    ];
    for (method, path, body, status, text) in table {
        let (got, answer) = world.call(method.clone(), &path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(text), "{method} {path}: {answer}");
    }
    let elsewhere = world.client.get(format!("{}/v1/apps/unknown/machines", world.address)).bearer_auth(TOKEN);
    assert_eq!(elsewhere.send().await.unwrap().status(), 404);
    let garbage = world.client.post(format!("{}/v1/apps/porter-local/machines", world.address)).bearer_auth(TOKEN);
    assert_eq!(garbage.body("{").send().await.unwrap().status(), 400);
    assert_eq!(world.call(Method::GET, "", Value::Null).await.1["name"], "porter-local");
}

#[tokio::test]
async fn waiting_ends_when_the_state_is_reached() {
    let world = World::new("sleep 0.5; exit 0", &["--boot-delay-ms", "300"]);
    let id = world.create("porter-d-1", config()).await["id"].as_str().unwrap().to_owned();
    for state in ["started", "destroyed"] {
        let (status, body) =
            world.call(Method::GET, &format!("/machines/{id}/wait?state={state}&timeout=20"), Value::Null).await;
        assert_eq!((status, &body["ok"]), (200, &json!(true)), "{state}: {body}");
    }
}

#[tokio::test]
async fn with_the_limit_on_the_fourth_create_at_once_is_too_much() {
    let world = World::new("sleep 60", &["--rate-limit"]);
    let mut statuses = Vec::new();
    for number in 0..4 {
        let body = json!({"name": format!("porter-e-{number}"), "config": config()});
        statuses.push(world.call(Method::POST, "/machines", body).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(world.call(Method::GET, "/machines", Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_bad_day_can_be_switched_on() {
    let world = World::new("sleep 60", &[]);
    world
        .faults(json!({"boot_delay_ms": 60_000, "rules": [
            {"action": "create", "fault": "before", "status": 500},
            {"action": "create", "fault": "after", "status": 504},
            {"action": "create", "fault": "too_many_requests"},
            {"action": "list", "fault": "empty_list", "times": 2},
        ]}))
        .await;
    let order = json!({"name": "porter-f-1", "config": config()});
    let list = || world.call(Method::GET, "/machines", Value::Null);
    assert_eq!(world.call(Method::POST, "/machines", order.clone()).await.0, 500);
    assert_eq!(world.call(Method::POST, "/machines", order.clone()).await.0, 504);
    assert_eq!(world.call(Method::POST, "/machines", order.clone()).await.0, 429);
    assert_eq!([list().await.1, list().await.1], [json!([]), json!([])]);
    let (_, machines) = list().await;
    assert_eq!(machines.as_array().unwrap().len(), 1, "only the one whose answer was lost");
    assert_eq!(machines[0]["state"], "created", "its boot is delayed");
    assert_eq!(world.call(Method::POST, "/machines", order).await.0, 409);
}
