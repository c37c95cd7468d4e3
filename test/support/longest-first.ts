// The order of test files. Those that start servers and other programs take the longest and begin first, so that a run ends with
// short ones in all processes.
import { relative, sep } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** From the folder with the longest files. Folders that are not in it come last. */
const FOLDERS = ['project', 'system', 'conformance', 'worker', 'node', 'field', 'database']

export class LongestFirst extends BaseSequencer {
  /** Within a folder vitest decides: what failed, what took longest, or the largest file. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const [folder = ''] = relative(project.config.dir, moduleId).split(sep)
      return FOLDERS.includes(folder) ? FOLDERS.indexOf(folder) : FOLDERS.length
    }
    // oxlint-disable-next-line unicorn/no-array-sort -- not an array's
    const decided = await super.sort(files)
    return decided.toSorted((a, b) => rank(a) - rank(b))
  }
}
