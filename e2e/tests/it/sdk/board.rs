//! The whiteboard of the npm package: pages and a program draw on one.

use anyhow::{Context, Result, ensure};
use meshwork::Whiteboard;
use meshwork::sync::shapes::{Bounds, PICTURE_MAX, Shape, TEXT_MAX, What};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab, wait_until};
use serde_json::{Value, json};

use super::{app, ask, gather, wait_among, wait_says};
use crate::common::site::serve;

/// What a program sees on the board once it is as many shapes.
async fn seen(board: &Whiteboard, count: usize) -> Result<Vec<Shape>> {
    let is_there = async || {
        let shapes = board.shapes().await?;
        ensure!(shapes.len() == count, "there are {} shapes", shapes.len());
        Ok(())
    };
    wait_until(PATIENCE, "the shapes", is_there).await?;
    Ok(board.shapes().await?.into_iter().map(|(_, shape)| shape).collect())
}

/// Pages see a stroke, a note and a program's shape alike, and so does the program.
async fn draw(ann: &Tab, bo: &Tab, board: &Whiteboard) -> Result<[Value; 2]> {
    let points = json!([[0, 0], [10.5, 20], [4, 6]]);
    let stroke = json!({ "what": "pen", "points": points, "pressures": [128, 255, 0], "color": 1 });
    let stroke = ask(ann, "drawShape", vec![stroke]).await?;
    let wanted = json!({
        "what": "pen", "x": 0, "y": 0, "width": 10.5, "height": 20, "color": 1, "size": 0, "isFilled": false,
        "order": "80000000", "text": "", "points": points, "pressures": [128, 255, 0],
    });
    wait_says(bo, "shape", vec![stroke.clone()], wanted).await?;
    let note = json!({ "what": "note", "x": 110, "y": 50.1, "width": -100, "height": 100, "size": 2,
        "isFilled": true, "text": "Ferry" });
    let note = ask(bo, "drawShape", vec![note]).await?;
    let wanted = json!({
        "what": "note", "x": 10, "y": 50.125, "width": 100, "height": 100, "color": 0, "size": 2, "isFilled": true,
        "order": "80000001", "text": "Ferry",
    });
    wait_says(ann, "shape", vec![note.clone()], wanted).await?;
    let shapes = seen(board, 2).await?;
    ensure!(shapes[0].points() == [(0.0, 0.0), (10.5, 20.0), (4.0, 6.0)], "{:?}", shapes[0]);
    ensure!(shapes[1].bounds == Bounds { x: 80, y: 401, width: 800, height: 800 }, "{:?}", shapes[1]);
    let kim = Shape { what: What::Ellipse, order: board.top().await?, ..shapes[1].clone() };
    board.draw(kim).await?;
    for tab in [ann, bo] {
        wait_says(tab, "board", vec![], json!(["pen", "note", "ellipse"])).await?;
    }
    Ok([stroke, note])
}

/// One moves what the other one drew and writes in, changes what lies over what, and takes it away.
async fn change(ann: &Tab, bo: &Tab, board: &Whiteboard, [stroke, note]: [Value; 2]) -> Result<()> {
    ensure!(ask(bo, "changeShape", vec![stroke.clone(), json!({ "x": 100, "width": -21 })]).await? == true);
    let placed = json!([[100, 0], [79, 20], [92, 6]]);
    wait_says(ann, "placed", vec![stroke.clone()], placed.clone()).await?;
    let mut whole = ask(ann, "shape", vec![stroke.clone()]).await?;
    whole["color"] = json!(7);
    ensure!(ask(ann, "changeShape", vec![stroke.clone(), whole]).await? == true);
    let is_coloured = async || {
        let drawn = seen(board, 3).await?.remove(0);
        ensure!(drawn.style.colour == 7, "{drawn:?}");
        let piece = drawn.what.piece().context("it is a stroke")?;
        ensure!(piece.points[1].units() == (10.5, 20.0), "moved points stay as they were drawn: {piece:?}");
        Ok(())
    };
    wait_until(PATIENCE, "the colour", is_coloured).await?;
    ensure!(ask(bo, "placed", vec![stroke.clone()]).await? == placed);
    ensure!(ask(ann, "goOn", vec![stroke.clone(), json!([[80, 0]])]).await? == json!([[79, 0, 21, 20], 4]));
    ask(ann, "sendBelow", vec![note.clone()]).await?;
    ask(bo, "changeShape", vec![note.clone(), json!({ "text": "" })]).await?;
    wait_says(bo, "board", vec![], json!(["note", "pen", "ellipse"])).await?;
    wait_among(ann, "boardChanged", json!([note, "note", ""])).await?;
    ask(ann, "eraseShape", vec![note.clone()]).await?;
    for tab in [ann, bo] {
        wait_says(tab, "board", vec![], json!(["pen", "ellipse"])).await?;
        wait_among(tab, "boardChanged", json!([note, null, null])).await?;
    }
    ensure!(ask(bo, "changeShape", vec![note, json!({ "x": 1 })]).await? == false, "it is gone");
    Ok(())
}

/// A page takes back a drag of several changes as one step, and does it again; what another page did meanwhile stays.
async fn take_back(ann: &Tab, bo: &Tab, stroke: &Value) -> Result<()> {
    let steps = ask(ann, "boardSteps", vec![]).await?;
    let before = steps["undo"].as_u64().context("a number")?;
    ask(ann, "dragShape", vec![stroke.clone(), json!([10, 20, 30])]).await?;
    ensure!(ask(ann, "boardSteps", vec![]).await? == json!({ "undo": before + 1, "redo": 0 }));
    wait_says(bo, "look", vec![stroke.clone()], json!([30, 7])).await?;
    ask(bo, "changeShape", vec![stroke.clone(), json!({ "color": 4 })]).await?;
    wait_says(ann, "look", vec![stroke.clone()], json!([30, 4])).await?;
    for (way, x, steps) in [
        ("undo", 79, json!({ "undo": before, "redo": 1 })),
        ("redo", 30, json!({ "undo": before + 1, "redo": 0 })),
    ] {
        ensure!(ask(ann, "boardStep", vec![way.into()]).await? == true, "there is a step to {way}");
        ensure!(ask(ann, "boardSteps", vec![]).await? == steps);
        for tab in [ann, bo] {
            wait_says(tab, "look", vec![stroke.clone()], json!([x, 4])).await?;
        }
    }
    ensure!(ask(ann, "boardStep", vec!["redo".into()]).await? == false, "all is done again");
    Ok(())
}

/// A picture is a blob of the app.
async fn show(ann: &Tab, bo: &Tab, board: &Whiteboard) -> Result<()> {
    let picture = ask(ann, "drawPicture", vec![3000.into()]).await?;
    wait_says(bo, "board", vec![], json!(["pen", "ellipse", "image"])).await?;
    let shapes = seen(board, 3).await?;
    let What::Picture(shown) = &shapes[2].what else { anyhow::bail!("it is {:?}", shapes[2]) };
    ensure!(json!({ "id": shown.blob().to_string(), "size": 3000 }) == picture, "{picture}");
    ensure!(ask(bo, "fetch", vec![picture["id"].clone()]).await? == json!([3000, true, true]));
    Ok(())
}

async fn refuse(ann: &Tab) -> Result<()> {
    let note = |field: &str, value: Value| json!({ "what": "note", field: value });
    let invalid = [
        json!({}),
        json!({ "what": "star" }),
        json!({ "what": "pen" }),
        json!({ "what": "pen", "points": [] }),
        json!({ "what": "pen", "points": [[1, 2]], "pressures": [1, 2] }),
        json!({ "what": "pen", "points": [[1, 2]], "pressures": [256] }),
        json!({ "what": "pen", "points": [[1, 2], [3]] }),
        json!({ "what": "pen", "points": [[1, 2], [3e9, -3e9]] }),
        json!({ "what": "image" }),
        note("x", json!(3_000_000)),
        note("y", json!("5")),
        note("width", json!("NaN")),
        note("color", json!(8)),
        note("color", json!(300)),
        note("size", json!(-1)),
        note("order", json!("8000000")),
    ];
    for shape in invalid {
        let error = ask(ann, "drawRefused", vec![shape.clone()]).await?;
        ensure!(error["kinds"] == json!(["MeshworkError", "WriteError"]), "{shape}: {error}");
        ensure!(error["code"] == "Invalid", "{shape}: {error}");
    }
    let picture = json!({ "id": "00".repeat(32), "size": PICTURE_MAX + 1 });
    let picture = json!({ "what": "image", "picture": picture });
    for (shape, max) in
        [(note("text", json!("x".repeat(TEXT_MAX + 1))), TEXT_MAX as u64), (picture, PICTURE_MAX)]
    {
        let error = ask(ann, "drawRefused", vec![shape]).await?;
        let told = (&error["code"], &error["size"], &error["max"]);
        ensure!(told == (&json!("TooLarge"), &json!(max + 1), &json!(max)), "{error}");
    }
    ensure!(ask(ann, "shapeOfNonsense", vec![]).await? == "TypeError");
    wait_says(ann, "board", vec![], json!(["pen", "ellipse", "image"])).await
}

#[tokio::test]
async fn pages_and_a_program_draw_one_board() -> Result<()> {
    let (app, mut server) = (app()?, Server::start().await?);
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(&page).await?, other.tab(&page).await?);
    let (_kim, room, _) = gather(&server, &ann, &bo).await?;
    server.kill();
    let board = room.whiteboard();
    let drawn = draw(&ann, &bo, &board).await?;
    let stroke = drawn[0].clone();
    change(&ann, &bo, &board, drawn).await?;
    take_back(&ann, &bo, &stroke).await?;
    show(&ann, &bo, &board).await?;
    refuse(&ann).await
}
