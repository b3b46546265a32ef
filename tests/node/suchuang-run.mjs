// The sample client of the points task API (suchuang.mjs, as its users copied it) against a running edge.
//
// BASE_URL, SCENE ("refusals" while no runner is there, "drawing" with one), TOKEN (1000 points), POOR_TOKEN (100
// points), OWN_PICTURE (the absolute link of an upload), OUTSIDE (where pictures from outside are).

import assert from "node:assert/strict";
import { SuChuangImageGenerator } from "./suchuang.mjs";

const { BASE_URL, SCENE, TOKEN, POOR_TOKEN, OWN_PICTURE, OUTSIDE } = process.env;
const generator = new SuChuangImageGenerator(TOKEN, BASE_URL);
const says = (words) => (error) => error.message.includes(words) || assert.fail(`not "${words}": ${error.message}`);

async function refusals() {
  const stranger = new SuChuangImageGenerator("x.y.z", BASE_URL);
  await assert.rejects(stranger.generateImage("测试prompt", "1:1"), says("未登录"));
  await assert.rejects(stranger.getBalance(), says("未登录"));
  await assert.rejects(stranger.getTaskStatus("TASK-20251026153045123-4567"), says("未登录"));
  await assert.rejects(generator.getTaskStatus("TASK-20251026153045123-4567"), says("找不到"));
  await assert.rejects(generator.generateImage("测试prompt", "16:9"), says("modelName"));
  await assert.rejects(generator.generateImage("", "1:1"), says("prompt"));
  await assert.rejects(generator.transformImage("测试prompt", "", "1:1"), says("imageUrl"));
  await assert.rejects(generator.transformImage("测试prompt", "http://169.254.169.254/", "1:1"), says("imageUrl"));
  assert.equal(await generator.getBalance(), 1000);

  const poor = new SuChuangImageGenerator(POOR_TOKEN, BASE_URL);
  const taken = [];
  for (let i = 0; i < 3; i += 1) taken.push(await poor.generateImage("一只可爱的柴犬", "1:1"));
  await assert.rejects(poor.generateImage("一只可爱的柴犬", "1:1"), says("积分不足"));
  assert.equal(await poor.getBalance(), 10);
  await assert.rejects(poor.waitForCompletion(taken[0], 1000), says("任务超时"));
}

async function drawing() {
  const several = JSON.stringify([OWN_PICTURE, `${OUTSIDE}/a.png`]);
  const begun = await Promise.all([
    ...["auto", "1:1", "2:3", "3:2"].map((ratio) => generator.generateImage("一只可爱的柴犬", ratio)),
    generator.transformImage("转换为卡通Q版风格", OWN_PICTURE, "1:1"),
    generator.transformImage("转换为卡通Q版风格", `${OUTSIDE}/a.png`, "auto"),
    generator.transformImage("融合多张参考图的元素，创作新设计", several, "3:2"),
  ]);
  assert.equal(new Set(begun).size, 7);
  assert.equal(await generator.getBalance(), 1000 - 4 * 30 - 3 * 35);
  const urls = await Promise.all(begun.map((taskNo) => generator.waitForCompletion(taskNo)));
  assert.equal(new Set(urls).size, 7);
  for (const url of urls) {
    assert(url.startsWith(`${BASE_URL}/files/`), url);
    const file = await fetch(url);
    assert.deepEqual([file.status, file.headers.get("content-type")], [200, "image/png"]);
  }
  const task = await generator.getTaskStatus(begun[6]);
  assert.deepEqual([task.status, task.progress, task.taskType], ["completed", 100, "image_to_image"]);
  assert.deepEqual([task.imageUrl, task.errorMessage], [several, null]);
  assert.match(task.completeTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);

  const broken = await generator.transformImage("转换为卡通Q版风格", `${OUTSIDE}/missing.png`, "1:1");
  await assert.rejects(generator.waitForCompletion(broken), says("参考图无法访问"));
  assert.equal(await generator.getBalance(), 1000 - 4 * 30 - 3 * 35, "given back");
}

await { refusals, drawing }[SCENE]();
// A wait that ended early has left its interval behind.
process.exit(0);
