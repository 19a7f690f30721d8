// Runs before the first paint, so that a page never flashes in the other theme. In <head>, first, without defer.
import { applyTheme, chosenTheme } from "./theme-choice";

document.documentElement.classList.add("js");
applyTheme(chosenTheme());
