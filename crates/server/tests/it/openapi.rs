//! The published API document: what changes in it is seen in review.

use nightlatch_store::Engine;

use crate::app::{App, Setup};

/// With `INSTA_UPDATE=always` the snapshot is written anew.
#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    let document = app.get("/openapi.json", None).await.expect(200).json;
    assert_eq!(document["openapi"], "3.1.0");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("openapi", document);
    });
}
