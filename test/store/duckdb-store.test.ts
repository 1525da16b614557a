import { openDuckDbStore } from "./opened-store";
import { testStore } from "./store-contract";

testStore("the store in a DuckDB file", (context, folder) =>
  openDuckDbStore(context, folder === undefined ? {} : { folder }),
);
